"""The documents, and in docs.tools what generates and checks a part of them."""
