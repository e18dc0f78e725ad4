// Package columns has the table columns and cells that several kinds share.
//
// In come objects as they are served, out go the texts of cells; nothing is changed or looked up. TestCells and the table
// goldens of pkg/api show it.
package columns
