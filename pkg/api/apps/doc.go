// Package apps declares the resources of the API group apps, v1. The table goldens of pkg/api show them.
package apps
