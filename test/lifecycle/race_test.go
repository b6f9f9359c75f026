//go:build race

package lifecycle_test

// raceDetector is whether the race detector is on: a life then takes several
// times as long.
const raceDetector = true
