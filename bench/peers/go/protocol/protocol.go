// Package protocol is the command line that every rival has: BENCH INPUT [ROUNDS [ITEMS]], one line of JSON out.
package protocol

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// Bench does its work once a call and returns how many items it did; only the work inside `timed` counts.
type Bench func(input string, items int, timed func(work func())) int

// Main runs the bench that the command line names.
func Main(rival string, benches map[string]Bench) {
	if len(os.Args) < 3 || benches[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: %s BENCH INPUT [ROUNDS [ITEMS]]\n", os.Args[0])
		os.Exit(2)
	}
	name, input := os.Args[1], os.Args[2]
	rounds, items := number(3, 20), number(4, 20000)
	samples := make([]float64, 0, rounds)
	for round := -2; round < rounds; round++ {
		var taken time.Duration
		items = benches[name](input, items, func(work func()) {
			start := time.Now()
			work()
			taken = time.Since(start)
		})
		if round >= 0 {
			samples = append(samples, float64(taken.Nanoseconds()))
		}
	}
	sorted := slices.Sorted(slices.Values(samples))
	out, err := json.Marshal(map[string]any{
		"bench": name, "rival": rival, "items": items, "samples": samples,
		"nsPerItem": sorted[len(sorted)/2] / float64(items),
	})
	Check(err)
	fmt.Println(string(out))
}

// Check ends the program on an error.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(at, otherwise int) int {
	if len(os.Args) <= at {
		return otherwise
	}
	value, err := strconv.Atoi(os.Args[at])
	Check(err)
	return value
}
