"""The differences between MiniStack 1.5.33 and AWS that matter to Syncline, one module each, each with `install()`."""
