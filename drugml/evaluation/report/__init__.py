"""What a model said of its test fold, as a page of HTML."""
