"""Every touch of moto's internals is in this package."""
