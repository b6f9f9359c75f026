package ec2sim

import "time"

// TokensLast is for how long EC2 knows a client token after what it made is
// gone. A day is documented for instances ("Ensuring idempotency in Amazon EC2
// API requests"); that it is the same for everything else is a guess.
const TokensLast = 24 * time.Hour

// maxToken is the longest client token, in ASCII characters.
const maxToken = 64

// token is what EC2 remembers of a client token.
type token struct {
	Hash string
	// Made is the resource as it was made.
	Made *Resource
	At   time.Time
}

// idempotent answers a client token that came before: with what it made, as it
// is now, or with a mismatch where the parameters are others. What is gone is
// answered all the same, since nothing is made twice: an instance by
// IdempotentInstanceTerminated, as the API reference says; other things as they
// were made, in state "deleted", which is a guess.
func (s *Simulator) idempotent(r *request) (*Resource, *apiError) {
	value := r.str("ClientToken")
	if value == "" {
		return nil, nil
	}
	if len(value) > maxToken {
		return nil, refuse("InvalidParameterValue", "Invalid value for clientToken: at most %d ASCII characters", maxToken)
	}
	key := r.str("Action") + " " + value
	before, used := s.Tokens[key]
	switch {
	case !used:
		return nil, nil
	case before.Hash != r.hash():
		return nil, refuse("IdempotentParameterMismatch", "The request uses the same client token as a previous, but non-identical request.")
	}
	if res := s.Resources[before.Made.ID]; res != nil {
		r.call.IDs, r.call.Replayed = append(r.call.IDs, res.ID), true
		return res, nil
	}
	if s.Now().Sub(before.At) > TokensLast {
		delete(s.Tokens, key)
		return nil, nil
	}
	r.call.Replayed = true
	if before.Made.Kind == "instance" {
		return nil, refuse("IdempotentInstanceTerminated", "The instance launched with this client token has been terminated.")
	}
	dead := *before.Made
	dead.State = "deleted"
	return &dead, nil
}

func (s *Simulator) keepToken(r *request, res *Resource) {
	if value := r.str("ClientToken"); value != "" {
		made := *res
		s.Tokens[r.str("Action")+" "+value] = token{Hash: r.hash(), Made: &made, At: s.Now()}
	}
}
