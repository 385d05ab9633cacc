package provider

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var (
	namePattern    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,198}[a-z0-9])?$`)
	poolPattern    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	versionPattern = regexp.MustCompile(`^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].*)?$`)
)

// rule is what the value of a string attribute must keep to.
type rule struct {
	wants string
	keeps func(value string) bool
}

var (
	nameRule = rule{
		"1 to 200 lower case letters, digits and hyphens, the first and the last no hyphen",
		namePattern.MatchString,
	}
	poolRule = rule{
		"1 to 63 lower case letters, digits and hyphens, the first and the last no hyphen",
		poolPattern.MatchString,
	}
	versionRule = rule{`a version such as "v1.36.3" or "1.36"`, versionPattern.MatchString}
	delayRule   = rule{`a duration of 0 or more, such as "30s"`, durationOf(0)}
	ttlRule     = rule{`a duration of "1s" or more, such as "15m"`, durationOf(time.Second)}
)

func durationOf(least time.Duration) func(string) bool {
	return func(value string) bool {
		duration, err := time.ParseDuration(value)
		return err == nil && duration >= least
	}
}

func (r rule) Description(context.Context) string { return "must be " + r.wants }

func (r rule) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

func (r rule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	value := req.ConfigValue
	if value.IsNull() || value.IsUnknown() || r.keeps(value.ValueString()) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Wrong value",
		fmt.Sprintf("Wanted %s, got %q.", r.wants, value.ValueString()))
}

// countRule is a number of things, of which this machine bears some.
type countRule struct{}

func (countRule) Description(context.Context) string { return "must be from 0 to 1000" }

func (r countRule) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

func (r countRule) ValidateInt64(ctx context.Context, req validator.Int64Request, resp *validator.Int64Response) {
	value := req.ConfigValue
	if value.IsNull() || value.IsUnknown() || value.ValueInt64() >= 0 && value.ValueInt64() <= 1000 {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Wrong value", "It "+r.Description(ctx)+".")
}
