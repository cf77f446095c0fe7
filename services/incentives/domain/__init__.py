"""The rules of incentives: values in, values out."""
