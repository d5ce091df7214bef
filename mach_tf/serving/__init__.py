"""The servable: one SavedModel that turns raw features into the best labels and the reasons for them."""
