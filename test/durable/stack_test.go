// Package durable_test proves that nothing is lost and nothing done twice,
// whatever happens meanwhile: commits that arrive at any moment, operators at
// any state, killed processes, and years. Its tests run one by one with
// `./task test:durable -- NAME`; stacks and starters come from test/drive.
package durable_test
