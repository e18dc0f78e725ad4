// Package ttlafterfinished deletes Jobs some time after they have ended, as their ttlSecondsAfterFinished says.
//
// It owns no object; in come Jobs, out go deletions, in the foreground so that their pods go first. The last word on
// whether a Job has ended and when is the server's. controller_test.go shows it.
package ttlafterfinished
