package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"penstock/app"
	"penstock/internal/operator"
)

var errNoNetwork = errors.New("is no address and no network, such as 203.0.113.7 or 2001:db8::/32")

// Block is a network that is shut out.
type Block struct {
	Network string     `json:"network" doc:"In its usual spelling: an address alone is a network of one."`
	Since   time.Time  `json:"since"`
	Until   *time.Time `json:"until,omitempty" doc:"Absent: until it is unblocked."`
	Text    string     `json:"text,omitempty" doc:"What its clients are told; absent: a sentence of the server's own."`
	By      string     `json:"by,omitempty" doc:"Who blocked it."`
}

func newBlock(b app.Block) Block {
	v := Block{Network: b.Network.String(), Since: b.Since.UTC(), Text: b.Text, By: b.By}
	if !b.Until.IsZero() {
		until := b.Until.UTC()
		v.Until = &until
	}
	return v
}

type blocksOutput struct {
	Body struct {
		Blocks []Block `json:"blocks" doc:"The latest first."`
	}
}

type blockInput struct {
	Body struct {
		Network string `json:"network" maxLength:"64" doc:"Address or network, not wider than an IPv4 /8 or an IPv6 /16." example:"203.0.113.7"`
		Seconds int64  `json:"seconds,omitempty" minimum:"0" maximum:"315360000" doc:"For how long; 0, or left out: until it is unblocked."`
		Text    string `json:"text,omitempty" maxLength:"512" doc:"What its clients are told."`
	}
}

type blockOutput struct {
	Status int
	Body   struct {
		Block
		Persistent bool `json:"persistent" doc:"false: the database cannot be used, and the block is gone when the server starts anew."`
	}
}

type unblockInput struct {
	Network string `query:"network" required:"true" maxLength:"64" doc:"As it was blocked." example:"203.0.113.7/32"`
}

func (h *handler) blocks() {
	huma.Register(h.api, h.operation(http.MethodGet, "/blocks", operator.Viewer, "Which networks are blocked", ""),
		func(context.Context, *struct{}) (*blocksOutput, error) {
			out := &blocksOutput{}
			out.Body.Blocks = []Block{}
			for _, b := range h.o.Server.Blocks() {
				out.Body.Blocks = append(out.Body.Blocks, newBlock(b))
			}
			return out, nil
		})
	op := h.operation(http.MethodPost, "/blocks", operator.Operator, "Block a network",
		"Its clients are refused with NetConnection.Connect.Rejected, and those that are connected are ended. It outlives the process, and "+
			"replaces an earlier block of the same network.")
	op.DefaultStatus = http.StatusCreated
	op.Errors = append(op.Errors, http.StatusInsufficientStorage)
	huma.Register(h.api, op, h.block)
	huma.Register(h.api, h.operation(http.MethodDelete, "/blocks", operator.Operator, "Unblock a network", ""), h.unblock)
}

// widest are the shortest prefixes that may be blocked: who blocks more has made a slip.
const widest4, widest6 = 8, 16

func (h *handler) block(ctx context.Context, in *blockInput) (*blockOutput, error) {
	network, err := parseNetwork(in.Body.Network)
	if err != nil {
		return nil, invalid("body.network", in.Body.Network, err)
	}
	if least := map[bool]int{true: widest4, false: widest6}[network.Addr().Is4()]; network.Bits() < least {
		return nil, invalid("body.network", in.Body.Network, errors.New("is so wide that it must be a slip"))
	}
	b := app.Block{Network: network, Since: time.Now().Truncate(time.Microsecond), Text: in.Body.Text, By: operator.From(ctx).Name}
	if in.Body.Seconds > 0 {
		b.Until = b.Since.Add(time.Duration(in.Body.Seconds) * time.Second)
	}
	if err := h.o.Server.Block(b); err != nil {
		return nil, huma.NewError(http.StatusInsufficientStorage, err.Error())
	}
	out := &blockOutput{Status: http.StatusCreated}
	out.Body.Block = newBlock(b)
	if err := h.o.Journal.SaveBlock(b); err != nil {
		h.o.Log.Error("the block will be gone after a restart", "network", network, "error", err)
	} else {
		out.Body.Persistent = true
	}
	h.did(ctx, "block", "network", network.String(), "until", b.Until)
	return out, nil
}

func (h *handler) unblock(ctx context.Context, in *unblockInput) (*struct{}, error) {
	network, err := parseNetwork(in.Network)
	if err != nil {
		return nil, invalid("query.network", in.Network, err)
	}
	found := h.o.Server.Unblock(network)
	if err := h.o.Journal.DeleteBlock(network); err != nil {
		h.o.Log.Error("the block will be back after a restart", "network", network, "error", err)
	}
	if !found {
		return nil, huma.Error404NotFound(hint(h.o.Server.Blocks(), network))
	}
	h.did(ctx, "unblock", "network", network.String())
	return nil, nil
}

// hint says which block an address that is not blocked by itself is under.
func hint(blocks []app.Block, network netip.Prefix) string {
	for _, b := range blocks {
		if b.Network.Contains(network.Addr()) {
			return network.String() + " is not blocked by itself, but within " + b.Network.String() + "."
		}
	}
	return network.String() + " is not blocked."
}
