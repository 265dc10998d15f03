//go:build go1.23

package main

// Generators are iter.Pull, which switches to the producer directly, without the scheduler.

import "iter"

func count(n int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := int64(0); i < n; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func sum(n int64) int64 {
	next, stop := iter.Pull(count(n))
	defer stop()
	var sum int64
	for {
		v, ok := next()
		if !ok {
			return sum
		}
		sum += v
	}
}

func values(n int64) {
	check(sum(n) == n*(n-1)/2)
}

func generators(n int64) {
	for i := int64(0); i < n; i++ {
		check(sum(3) == 3)
	}
}
