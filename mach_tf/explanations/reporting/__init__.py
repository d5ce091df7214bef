"""Explanations of whole inputs: what is asked, what is answered for each point and for each label, and the files they go to."""
