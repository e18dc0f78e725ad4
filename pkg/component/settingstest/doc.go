// Package settingstest checks, for tests of components, that nothing that a user can give is silently ignored.
//
// In come a component's options and its tables of settings; what there is to give comes from the types of configuration
// files, by reflection, and from the flags of upstream's v1.36 programs (testdata). It is for tests only, and is shown by
// TestSettings of each component's options.
package settingstest
