function write_picture() { printf "" > svg }
