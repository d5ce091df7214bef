"""What a training needs before it starts: memory, disk, time, and the settings that fit the data and the machine."""
