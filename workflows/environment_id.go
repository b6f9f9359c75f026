package workflows

import (
	"crypto/rand"
	"strings"
)

// environmentIDLength is the random part of an environment's id: 10 letters of
// the 32 that Text uses, 50 bits, so that two lives never meet in an account.
const environmentIDLength = 10

// newEnvironmentID names one life of an environment: "env-" and random letters.
// It is called inside a side effect alone.
func newEnvironmentID() string {
	return "env-" + strings.ToLower(rand.Text()[:environmentIDLength])
}
