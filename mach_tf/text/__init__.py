"""From texts to sparse feature vectors: readers, tokenizer, vocabulary, tf-idf."""
