"""Pages, row versions and logs: all below SQL; knows neither server nor protocol."""
