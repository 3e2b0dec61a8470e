"""Nova's side of splitmem: a compute driver whose large servers migrate split."""
