package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/aineko-dev/environments/internal/deployfile"
	"github.com/aineko-dev/environments/internal/gitrepo"
)

func (a *app) validateCommand() *cobra.Command {
	var path, repo, commit string
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check a deploy.yml, without Temporal",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			data, options, err := readFile(path, repo, commit)
			if err != nil {
				return err
			}
			file, warnings, err := deployfile.Parse(data, options)
			if a.output == "json" {
				problems, _ := err.(deployfile.Problems)
				a.json(map[string]any{"valid": err == nil, "problems": append(deployfile.Problems{}, problems...), "warnings": append(deployfile.Problems{}, warnings...)})
			} else {
				a.report(path, err, warnings)
			}
			if err != nil {
				return &exit{code: exitUsage, err: fmt.Errorf("%s has %d problems", path, problemCount(err)), quiet: a.output == "json"}
			}
			if a.output != "json" {
				a.say("%s is valid", path)
				for _, name := range file.Environments() {
					d := file.Resolve(name)
					a.say("  %s: %d pipelines", name, len(d.Pipelines))
					for _, p := range d.Pipelines {
						a.say("    %s  %s  %s", p.Pipeline, p.Source, p.Machine.String())
					}
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&path, "deploy-file", "deploy.yml", "path of deploy.yml; with --repo inside the repository")
	c.Flags().StringVar(&repo, "repo", "", "Git checkout: the sources are looked for in it, too")
	c.Flags().StringVar(&commit, "commit", "HEAD", "with --repo: the commit")
	return c
}

func readFile(path, repo, commit string) ([]byte, deployfile.Options, error) {
	var options deployfile.Options
	if repo == "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, options, usage("%w", err)
		}
		return data, options, nil
	}
	checkout, err := gitrepo.Open(repo, commit)
	if err != nil {
		return nil, options, &exit{code: exitUsage, err: err}
	}
	options.SourceExists = checkout.IsFile
	data, err := checkout.Read(path)
	if errors.Is(err, gitrepo.ErrNoFile) || errors.Is(err, gitrepo.ErrNoRegularFile) {
		return nil, options, &exit{code: exitUsage, err: err}
	}
	return data, options, err
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of deploy.yml, for editors", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(deployfile.Schema())
			return err
		},
	}
}

// version is set by the build.
var version = ""

// shownVersion is the build's, or what Go recorded of the module.
func shownVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unversioned"
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.output == "json" {
				a.json(map[string]string{"version": shownVersion()})
				return nil
			}
			a.say("starter %s", shownVersion())
			return nil
		},
	}
}
