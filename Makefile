# make help lists the targets. A new lesson is found by its name: adding one never means editing this file.

CFLAGS ?= -O2 -g
BUILD ?= build$(if $(SAN),/$(SAN))

# Where there is no Linux, the lessons that say so are left out, with what measures.
# In the call of a function, make 4.3 no longer takes \# for this sign.
hash := \#
HEADERS := sys/epoll.h sys/prctl.h
LINUX := $(shell { printf '$(hash)include <%s>\n' $(HEADERS) | $(CC) $(CPPFLAGS) $(CFLAGS) -E - > /dev/null; } 2>&1 || echo no)
LEFT_OUT := $(if $(LINUX),$(shell grep -l '^ [*] Needs    Linux' lessons/*.c; \
    grep -lE '^.include (<sys/epoll.h>|"bench/)' common/*/*.c tests/peers/*.c))
MODULES := $(filter-out $(LEFT_OUT),$(wildcard common/*/*.c))
LESSONS_LEFT_OUT := $(patsubst lessons/%.c,%,$(filter lessons/%,$(LEFT_OUT)))

# A number is an hour, a letter one sitting of it: 06_name, 17a_name.
LESSONS := $(patsubst lessons/%.c,%,$(filter-out $(LEFT_OUT),$(sort $(wildcard lessons/[0-9][0-9]_*.c lessons/[0-9][0-9][a-z]_*.c))))
# What a lesson may be called: 06 or 6; 17b, or 17 for all of its hour.
NUMBERS := $(sort $(shell printf '%s\n' $(LESSONS) | sed 's/_.*//; p; h; s/^0//; p; g; s/[a-z]$$//; p; s/^0//'))
in_full = $(if $(filter 0$(1),$(NUMBERS)),0$(1),$(1))
override T := $(call in_full,$(T))
PEERS := $(patsubst tests/peers/%.c,$(BUILD)/peers/%,$(filter-out $(LEFT_OUT) %/flaky.c %/tsan_select.c,$(wildcard tests/peers/*.c)))
lessons_of = $(patsubst lessons/%.c,%,$(sort $(wildcard lessons/$(1)_*.c lessons/$(1)[a-z]_*.c)))

# The FD_SET of musl's <sys/select.h> mixes signed and unsigned by itself.
GLIBC := $(shell echo '$(hash)include <features.h>' | $(CC) -E -dM - 2> /dev/null | grep -w __GLIBC__)
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(GLIBC),,-Wno-sign-conversion)
# See tests/peers/tsan_select.c.
SELECT := $(if $(filter thread,$(SAN)),$(BUILD)/tests/peers/tsan_select.o)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
COMPILE = $(CC) -std=c11 -D_XOPEN_SOURCE=700 -Icommon $(WARNINGS) -pthread $(SANITIZE) $(CPPFLAGS) $(CFLAGS)
# All symbols are bound at the start: else each forked child would look up for itself what it calls first.
LINK = $(CC) -pthread $(SANITIZE) -Wl,-z,now $(CFLAGS) $(LDFLAGS)
# Only the showdown and its chart need mathematics.
LIBM := -Wl,--as-needed -lm
quiet = $(if $(V),,@echo '  $(1)';)

.PHONY: all programs needed help list tour test bugs bench lab grade hint watch labs repair slides picture pages clean FORCE $(NUMBERS) NN build common lessons tests
.DELETE_ON_ERROR:
.SECONDARY:

all: $(LESSONS:%=$(BUILD)/%)  ## build every lesson into build/ (the default)
	$(if $(LESSONS_LEFT_OUT),@echo 'make: left out because they need Linux: $(LESSONS_LEFT_OUT)')

# ---- Build -----------------------------------------------------------------------------------------------------------

# Holds the commands that compile and link; what was built by others is built again.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)/lessons $(patsubst %/,$(BUILD)/%,$(wildcard common/*/)) $(BUILD)/tests/peers $(BUILD)/peers $(BUILD)/flaky
	@echo '$(COMPILE) / $(LINK) $(LDLIBS)' | cmp -s - $@ || echo '$(COMPILE) / $(LINK) $(LDLIBS)' > $@

# In the .d file the folder is not written out: BUILD may be another name of it next time, as it is in the tests.
$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call quiet,CC   $<)$(COMPILE) -MMD -MP -MT '$$(BUILD)/$*.o' -c -o $@ $<

$(BUILD)/libcommon.a: $(MODULES:%.c=$(BUILD)/%.o)
	$(call quiet,AR   $@)rm -f $@; $(AR) rcs $@ $^

$(LESSONS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/lessons/%.o $(SELECT) $(BUILD)/libcommon.a
	$(call quiet,LINK $@)$(LINK) -o $@ $^ $(LDLIBS) $(LIBM)

$(PEERS): $(BUILD)/peers/%: $(BUILD)/tests/peers/%.o $(BUILD)/libcommon.a
	$(call quiet,LINK $@)$(LINK) -o $@ $^ $(LDLIBS) $(LIBM)

# The same lesson on a system where calls are interrupted and transfers are short: see tests/peers/flaky.c.
FLAKY := accept accept4 recv send recvfrom sendto read select poll epoll_wait pthread_create fork \
    pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock pthread_cond_wait pthread_cond_timedwait pthread_cond_broadcast
comma := ,
$(LESSONS:%=$(BUILD)/flaky/%): $(BUILD)/flaky/%: $(BUILD)/lessons/%.o $(BUILD)/tests/peers/flaky.o $(SELECT) $(BUILD)/libcommon.a
	$(call quiet,LINK $@)$(LINK) $(FLAKY:%=-Wl$(comma)--wrap=%) -o $@ $^ $(LDLIBS) $(LIBM)

# A student's answer, from the student's own folder: see tests/labs/lab.bash.
LAB ?= lab
ANSWERS ?= $(BUILD)/lab
$(ANSWERS)/%/answer.o: $(LAB)/%.c $(BUILD)/flags
	@mkdir -p $(@D)/flaky
	$(call quiet,CC   $<)$(COMPILE) -MMD -MP -c -o $@ $<

$(ANSWERS)/%/answer: $(ANSWERS)/%/answer.o $(SELECT) $(BUILD)/libcommon.a
	$(call quiet,LINK $@)$(LINK) -o $@ $^ $(LDLIBS) $(LIBM)

$(ANSWERS)/%/flaky/answer: $(ANSWERS)/%/answer.o $(BUILD)/tests/peers/flaky.o $(SELECT) $(BUILD)/libcommon.a
	$(call quiet,LINK $@)$(LINK) $(FLAKY:%=-Wl$(comma)--wrap=%) -o $@ $^ $(LDLIBS) $(LIBM)

-include $(wildcard $(ANSWERS)/*/*.d $(BUILD)/*/*.d $(BUILD)/common/*/*.d $(BUILD)/tests/peers/*.d)

include slides/replay/replay.mk

# ---- Run -------------------------------------------------------------------------------------------------------------

PLAY = @BUILD='$(BUILD)' ARGS='$(ARGS)' sh common/stage/tour.sh

NN:  ## play lesson 17b, or all of 17; make 06 ARGS="serve --port 8002"
.SECONDEXPANSION:
$(NUMBERS): %: $$(addprefix $(BUILD)/,$$(call lessons_of,$$(call in_full,$$*)))
	$(PLAY) play $(call lessons_of,$(call in_full,$*))

listed = $(if $(T),$(call lessons_of,$(T)),$(LESSONS))

list:  ## the lessons and what each is about; T=17: with their questions
	$(if $(call listed),,@echo 'make list: no lesson for T=$(T)' >&2; exit 2)
	$(if $(T),@QUESTIONS=1 sh common/stage/tour.sh list $(call listed),$(PLAY) list $(LESSONS))

# From the first lesson of T on.
TOURED = $(shell printf '%s\n' $(LESSONS) | sed -n '/^$(T)/,$$p')

tour: all  ## play every lesson, or from T=17 on; on a terminal, Enter goes on
	$(if $(TOURED),,@echo 'make tour: no lesson for T=$(T)' >&2; exit 2)
	$(PLAY) tour $(TOURED)

bench: programs  ## the showdown of all, in under two minutes, into build/bench/
	@BUILD='$(BUILD)' bash tests/peers/bench.bash

# ---- Test ------------------------------------------------------------------------------------------------------------

TEST_JOBS ?= 4

programs: all $(PEERS) $(LESSONS:%=$(BUILD)/flaky/%)

# For the tests of T: its own programs, and those that its tests name, what they load, and what its deck runs. 00 plays all
# lessons, and 26 most of them.
TESTED = $(patsubst tests/%.bats,%,$(wildcard tests/$(T)*.bats))
NAMED = $(shell { cat tests/$(T)*.bats $(filter tests/peers/%,$(LOADED)); grep -hoE 'build/[0-9a-z_]+' slides/$(T)*.md; } 2> /dev/null | \
    grep -oE '[0-9]{2}[a-z]?_[a-z0-9_]+')
LOADED = tests/helper.bash tests/labs/lab.bash $(shell sed -n 's,^load \(peers/[a-z_]*\).*,tests/\1.bash,p' tests/$(T)*.bats 2> /dev/null)
PLAYED = $(shell cat tests/$(T)*.bats $(LOADED) 2> /dev/null | grep -oE '(peers/|claim )[a-z]+' | sed 's/.*[ /]//')
NEEDED = $(foreach lesson,$(filter $(TESTED) $(NAMED),$(LESSONS)),$(BUILD)/$(lesson) $(BUILD)/flaky/$(lesson)) \
    $(filter $(BUILD)/peers/peer $(PLAYED:%=$(BUILD)/peers/%),$(PEERS))

needed: $$(if $$(T),$$(if $$(filter 00% 26%,$$(TESTED)),programs,$$(NEEDED)),programs)

test: needed  ## run all tests; T=17b: to the first that fails; ALL=1, SAN=thread
	@command -v bats > /dev/null || { echo 'make test: bats is missing; README.md says how to install it' >&2; exit 1; }
	@ls tests/$(T)*.bats > /dev/null 2>&1 || { echo 'make test: no tests for T=$(T)' >&2; exit 1; }
	@BUILD='$(BUILD)' TEST_JOBS=$(TEST_JOBS) TEST_TIMEOUT=$(TEST_TIMEOUT) ALL=$(ALL) TAP=$(TAP) bash tests/peers/test.bash '$(T)'

bugs:  ## see a test catch each known mistake; T=17 or T=17b: its own
	@bash tests/bugs/run '$(T)'

# ---- Labs ------------------------------------------------------------------------------------------------------------

LAB_OF = @LAB='$(LAB)' ANSWERS='$(ANSWERS)' BUILD='$(BUILD)' MAKE='$(MAKE)' T='$(T)' bash tests/labs/lab.bash
LESSONS_OF_T = $(if $(T),$(call lessons_of,$(T)))

lab:  ## the lesson to be written by you, in lab/; T=06; SHOW=1: compare
	$(LAB_OF) $(if $(SHOW),show,lab) $(LESSONS_OF_T)

grade:  ## T=06: which steps of your lab hold
	$(LAB_OF) grade $(LESSONS_OF_T)$(if $(STRICT),, || [ $$? = 3 ])

hint:  ## T=06: the next hint for your lab, or your repair
	$(LAB_OF) hint $(LESSONS_OF_T)

watch:  ## T=06: grade your lab whenever you save it
	$(LAB_OF) watch $(LESSONS_OF_T)

labs:  ## how far you are in each lab
	$(LAB_OF) labs $(LESSONS)

repair:  ## T=06: the lesson with a mistake for you to mend; needs git
	$(LAB_OF) repair $(LESSONS_OF_T)

# ---- The rest --------------------------------------------------------------------------------------------------------

MARP := @marp-team/marp-cli@4.2.3

slides:  ## render the decks to build/slides/*.html; needs npx
	@command -v npx > /dev/null || { echo 'make slides: npx is missing (Debian package npm); the decks read well as they are' >&2; exit 1; }
	@mkdir -p build/slides && cp -R slides/img build/slides/
	npx --yes $(MARP) --theme-set slides/theme.css --input-dir slides --output build/slides

PAGE_PARTS := $(filter-out %/index.%,$(wildcard slides/replay/page.* slides/replay/html.awk))
PAGE = awk -v lessons='$(LESSONS)' -v build=build -f slides/replay/html.awk

# A deck that has been rendered is linked.
build/pages/%.html: build/replay/%.json lessons/%.c slides/%.md $(PAGE_PARTS) $(wildcard build/slides)
	@mkdir -p $(@D)
	$(call quiet,PAGE $*)$(PAGE) -v lesson=$* -f slides/replay/page.awk > $@

build/pages/index.html: $(LESSONS:%=build/pages/%.html) $(wildcard slides/replay/index.*)
	$(call quiet,PAGE index)$(PAGE) -f slides/replay/index.awk > $@

picture: $(DRAWN:%=build/pictures/%.svg)  ## draw who waits for whom in a run: T=01a, T=17, or all
	@$(if $(DRAWN),:,echo 'make picture: no lesson for T=$(T)' >&2; exit 2)

pages: build/pages/index.html  ## a page for each lesson: step through its run, forward and back

clean:  ## remove build/
	rm -rf build

list_targets = sed -n 's/^\([a-zA-Z]*\):[^\#]*\#\# \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

help:  ## this list
	@$(list_targets)

mistyped = { echo "make: no target '$@'. There are:"; $(list_targets); } >&2; exit 2
# 17d, 006, 066: the sittings of that number, or of the two digits that it begins with, if there are any.
meant = $(sort $(filter $(shell printf '%02d%%\n' "$$(echo $@ | sed 's/^0*//; s/[^0-9].*//')"; echo $@ | sed 's/^\(..\).*/\1%/'),$(NUMBERS)))
no_lesson = { echo "make: no lesson $@.$(if $(meant), Did you mean $(meant)?) make list names them all."; } >&2; exit 2

# For a target that is mistyped; not for the sources, which come here too when all is made again (make -B).
.DEFAULT:
	@$(if $(filter $@,$(MAKECMDGOALS)),$(if $(filter 0% 1% 2% 3% 4% 5% 6% 7% 8% 9%,$@),$(no_lesson),$(mistyped)),:)

# These are there, but are no targets either.
NN build common lessons tests:
	@$(mistyped)
