package main

import (
	"time"

	"github.com/spf13/cobra"
)

// completionPatience is how long a shell may hang on the Tab key.
const completionPatience = 2 * time.Second

// completeEnvironments lets the shell complete --environment by asking Temporal
// for the project's slots.
func (a *app) completeEnvironments(c *cobra.Command) {
	_ = c.RegisterFlagCompletionFunc("environment", func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		project, _ := c.Flags().GetString("project")
		a.patience = completionPatience
		if project == "" || a.connect(c.Context()) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		held, err := a.project(c.Context(), project)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, slot := range held.Slots {
			names = append(names, slot.Environment)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}
