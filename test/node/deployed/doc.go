// Package deployed holds end-to-end tests of CAPT as users have it: installed from
// config/default with the image of `make image`, on a real node (see package node),
// where each run is a Job.
//
// What modules make lies on a site of the test's own: it knows what is there and
// how often it was made, and lets a test hold up the making of something for as
// long as it needs to do harm.
package deployed
