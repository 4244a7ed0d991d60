"""The pages for marketers and operators."""
