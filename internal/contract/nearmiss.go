package contract

import "strings"

// maxNearMissEdits is how many edits a near miss may be away (C4, D5).
const maxNearMissEdits = 2

// NearMiss returns the candidate that name was probably meant to be: one that
// differs by case, or by at most two edits; the nearest, the first among
// equals. It returns "" where there is none, or where name is itself a candidate.
func NearMiss(name string, candidates []string) string {
	best, bestEdits := "", maxNearMissEdits+1
	for _, candidate := range candidates {
		if candidate == name {
			return ""
		}
		edits := maxNearMissEdits + 1
		if strings.EqualFold(candidate, name) {
			edits = 0
		} else if d := len(candidate) - len(name); d <= maxNearMissEdits && -d <= maxNearMissEdits {
			edits = editDistance(name, candidate)
		}
		// A name that shares nothing with the candidate is no slip of the pen.
		if edits < bestEdits && edits < max(len(name), len(candidate)) {
			best, bestEdits = candidate, edits
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours (optimal string alignment), by bytes: names are ASCII.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
