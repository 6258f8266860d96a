build/lessons/05_select_stdin.o: lessons/05_select_stdin.c common/args.h \
 common/die.h common/lines.h common/say.h
common/args.h:
common/die.h:
common/lines.h:
common/say.h:
