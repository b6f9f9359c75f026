package ec2sim

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// node is an element of an answer: text, or further elements.
type node struct {
	name string
	text string
	kids []node
}

func text(name, value string) node         { return node{name: name, text: value} }
func flag(name string, value bool) node    { return node{name: name, text: fmt.Sprint(value)} }
func number(name string, value int) node   { return node{name: name, text: fmt.Sprint(value)} }
func group(name string, kids ...node) node { return node{name: name, kids: kids} }
func items[T any](name string, all []T, f func(T) []node) node {
	n := node{name: name}
	for _, one := range all {
		n.kids = append(n.kids, node{name: "item", kids: f(one)})
	}
	return n
}

func texts(name string, all []string) node {
	n := node{name: name}
	for _, one := range all {
		n.kids = append(n.kids, text("item", one))
	}
	return n
}

var succeeded = []node{text("return", "true")}

func (n node) write(b *strings.Builder) {
	b.WriteString("<" + n.name + ">")
	_ = xml.EscapeText(b, []byte(n.text))
	for _, kid := range n.kids {
		kid.write(b)
	}
	b.WriteString("</" + n.name + ">")
}

// apiError is an error of EC2's.
type apiError struct {
	Status        int
	Code, Message string
}

func errorf(status int, code, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func refuse(code, format string, args ...any) *apiError { return errorf(400, code, format, args...) }

const requestID = "00000000-0000-4000-8000-000000000000"

func writeAnswer(w http.ResponseWriter, action string, answer []node) {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">`, action)
	text("requestId", requestID).write(&b)
	for _, n := range answer {
		n.write(&b)
	}
	fmt.Fprintf(&b, "</%sResponse>", action)
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	_, _ = w.Write([]byte(b.String()))
}

func writeError(w http.ResponseWriter, e *apiError) {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	group("Response",
		group("Errors", group("Error", text("Code", e.Code), text("Message", e.Message))),
		text("RequestID", requestID)).write(&b)
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(e.Status)
	_, _ = w.Write([]byte(b.String()))
}

func (s *Simulator) callerIdentity(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::%[1]s:user/simulated</Arn><UserId>AIDASIMULATED</UserId><Account>%[1]s</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>%[2]s</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
		s.options.Account, requestID)
}
