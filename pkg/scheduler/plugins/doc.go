// Package plugins lists the plugins that the scheduler has, and those that a profile runs unless told otherwise.
//
// To add a plugin: make a folder beside the others with New (a profile.Factory), give it a line in Factories, and, if
// profiles should run it by default, one in Defaults. A plugin knows the published framework interfaces and the leaf
// types of package cache, and no other plugin.
//
// Tests: TestDefaults (every default plugin exists and can be made), and each plugin's own.
package plugins
