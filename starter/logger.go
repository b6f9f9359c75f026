package main

import "log/slog"

// quietLogger keeps the SDK's own lines off the terminal: what concerns a
// person, the commands say.
func quietLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
