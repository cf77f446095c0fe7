"""The four services and the kit they share. Services never import each other."""
