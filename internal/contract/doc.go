// Package contract holds the names and messages by which the starter, the
// workflows, operators and other programs talk to each other: workflow types
// and IDs, signals, updates, queries, search attributes, tags, and the JSON
// documents that travel in them. It is public: a change here is a change for
// everyone, and S8 holds (unknown fields are ignored, new ones are optional).
//
// It knows nothing of Temporal's or AWS's clients, and nothing of ours.
package contract
