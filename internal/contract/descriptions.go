package contract

import "fmt"

// What Temporal's Web UI says of a workflow without looking into it (T2): one
// line for lists, and Markdown for its page. Whoever starts a workflow sets
// them, the starter as well as another workflow; so they stand here.

// ProjectSummary and ProjectDetails say what a project's workflow is for.
func ProjectSummary(project string) string {
	return "Project " + project + ": who holds its environments' slots"
}

// ProjectDetails is the longer form of ProjectSummary, in Markdown.
func ProjectDetails(project string) string {
	return fmt.Sprintf("Says which environments of `%s` exist, and lets no more be made than the limit. It starts `develop` and `production` once. "+
		"It lives as long as the project; each environment has a workflow of its own, `environment:%s:NAME`.", project, project)
}

// EnvironmentSummary and EnvironmentDetails say what an environment's workflow is for.
func EnvironmentSummary(project, environment string) string {
	return fmt.Sprintf("Environment %s of %s", environment, project)
}

// EnvironmentDetails is the longer form of EnvironmentSummary, in Markdown.
func EnvironmentDetails(project, environment string) string {
	return fmt.Sprintf("Everything that happens to environment `%s` of `%s` is decided here, one piece of work at a time: commits of the branch `%s` come in as the update `commit`, "+
		"operators' wishes as the signals and updates `delete-environment` and `cancel-deletion`. The work itself is done by children: "+
		"`initialize-environment`, `deploy-pipelines`, `destroy-pipelines`, `delete-environment`. It closes when the environment is deleted.", environment, project, environment)
}
