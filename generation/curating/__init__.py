"""Golden answers and their runs, the inbox, and what is exported: pages for curators."""
