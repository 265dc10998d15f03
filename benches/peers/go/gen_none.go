//go:build !go1.23

package main

// Before Go 1.23 there is no iter.Pull, and a goroutine with a channel is no generator.

func values(n int64) { unsupported() }

func generators(n int64) { unsupported() }
