"""SQL functions that read the catalog or the state of the session; `registry` lists them."""
