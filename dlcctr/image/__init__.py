"""The container image: flavours, build context, build, labels, SIF."""
