package histories

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
)

// Secrets are planted where a recording's programs could come upon one, by the
// place. None of them may ever be in a history: who may read a namespace
// reads every history in it.
var Secrets = map[string]string{
	"AWS_ACCESS_KEY_ID":        "AKIAPLANTED0123456789",
	"AWS_SECRET_ACCESS_KEY":    "planted-aws-secret-key",
	"AWS_SESSION_TOKEN":        "planted-aws-session-token",
	"TEMPORAL_API_KEY":         "planted-temporal-api-key",
	"GITHUB_TOKEN":             "planted-github-token",
	"CI_JOB_TOKEN":             "planted-ci-job-token",
	"the URL of origin":        "planted-origin-password",
	"a comment in deploy.yml":  "planted-comment-in-deploy-yml",
	"a file of the repository": "planted-file-in-repository",
}

// Planted are the variables that hold secrets, as a process gets them.
func Planted() []string {
	var variables []string
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TEMPORAL_API_KEY", "GITHUB_TOKEN", "CI_JOB_TOKEN"} {
		variables = append(variables, name+"="+Secrets[name])
	}
	// With an API key Temporal's tools take TLS for granted; the development server has none.
	return append(variables, "TEMPORAL_TLS=false")
}

// Leaks names the places whose secrets are in a history, as JSON has it.
func Leaks(text []byte) ([]string, error) {
	text, err := plain(text)
	var places []string
	for place, secret := range Secrets {
		if bytes.Contains(text, []byte(secret)) {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	return places, err
}

// plain is a text of JSON, with what stands in it in base64 written out.
func plain(text []byte) ([]byte, error) {
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(slices.Clone(text))
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		case string:
			if decoded, err := base64.StdEncoding.DecodeString(v); err == nil {
				out.WriteByte('\n')
				out.Write(decoded)
			}
		}
	}
	walk(document)
	return out.Bytes(), nil
}
