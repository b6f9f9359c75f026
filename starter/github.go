package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/deployfile"
)

// report shows the problems and warnings of deploy.yml; in GitHub Actions as
// annotations on its lines, too (S5).
func (a *app) report(path string, err error, warnings deployfile.Problems) {
	problems, _ := err.(deployfile.Problems)
	if a.env("GITHUB_ACTIONS") == "true" {
		// GitHub reads commands from both streams; standard output may be a document's.
		out := a.out
		if a.output != "text" {
			out = a.errs
		}
		for _, p := range problems {
			annotate(out, "error", path, p)
		}
		for _, p := range warnings {
			annotate(out, "warning", path, p)
		}
	}
	for _, p := range problems {
		a.warn("%s", p.String())
	}
	for _, p := range warnings {
		a.warn("warning: %s", p.String())
	}
}

// annotate writes a workflow command. What GitHub would read as the end of a
// value is escaped as it wants it, so that no value can add a command.
func annotate(out io.Writer, kind, path string, p deployfile.Problem) {
	message := p.Message
	if p.Path != "" {
		message = p.Path + ": " + p.Message
	}
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	line := styledf("::%s file=%s,line=%d,col=%d::%s\n", kind,
		property.Replace(filepath.ToSlash(filepath.Clean(path))), p.Line, p.Column, data.Replace(contract.Clean(message)))
	_, _ = io.WriteString(out, string(line))
}

// stepSummary adds Markdown to GitHub's summary of the step (S5).
func (a *app) stepSummary(markdown string) {
	path := a.env("GITHUB_STEP_SUMMARY")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		a.warn("warning: the step summary cannot be written: %s", err)
		return
	}
	defer func() { _ = file.Close() }()
	if _, err := io.WriteString(file, markdown); err != nil {
		a.warn("warning: the step summary cannot be written: %s", err)
	}
}
