"""The image that the Dockerfile makes, built and run by buildah and the kernel's own parts."""
