"""The service of servables."""
