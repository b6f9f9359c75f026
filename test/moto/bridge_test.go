//go:build moto

package moto_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// bridge carries calls to moto, past the quirks that would stop the main path.
type bridge struct{}

func (bridge) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	for _, q := range quirks {
		if q.action == form.Get("Action") && q.bridged != nil {
			q.bridged(form)
		}
	}
	sent := form.Encode()
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(strings.NewReader(sent)), int64(len(sent))
	return http.DefaultTransport.RoundTrip(out)
}
