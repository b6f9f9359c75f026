package lifecycle_test

import (
	"flag"
	"os"
	"testing"
)

// sideBySide is how many lives go on at once: they wait more than they work.
const sideBySide = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", sideBySide)
	os.Exit(m.Run())
}
