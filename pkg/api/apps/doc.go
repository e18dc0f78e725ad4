// Package apps declares the resources of the API group apps, v1.
package apps
