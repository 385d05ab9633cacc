// Package workload asks the API servers of workload clusters: who we are there,
// and for tokens of a ServiceAccount.
//
// Promise: nobody waits for an API server. A question is put in the background,
// and whoever asked is woken by Answered when there is an answer, so that a
// cluster that is unreachable, slow or hanging delays no other. A credential is
// sent only to a server whose certificate was found good, never on to where that
// server would like to send us, and no answer is read beyond a limit. Errors
// have a reason each and constant texts: nothing that a server says, or that
// differs from one try to the next, is passed on.
//
// Trade-off: answers are kept in memory only. A manager that was started anew
// asks once more.
package workload
