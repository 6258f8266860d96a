// Steps through the recorded run of one lesson, forward and back. Whatever is seen depends on the number of the step and on
// nothing else: show(n) draws all of it. Step 0 is the question; step n is the n-th line of the transcript.
//
// What a run holds (the script element "run"):
//   actors  their names, in order of appearance
//   steps   {actor, text, line, at, arrows}: who said what, from which line of the source; at: where each actor is
//           that is alive then {line, blocked: the call, since: the step}; arrows: what ended here {from, to, kind, what, step}
//
// A name or a text comes from a program, or from the network: it goes into the page as textContent only.
'use strict';

const PLAY_MS = 1500;
const COLOURS = 8;

const run = JSON.parse(document.getElementById('run').textContent);
const last = run.steps.length;
const find = (selector) => document.querySelector(selector);
const code = find('.source');
const transcript = find('.run');
let step = 0;
let timer = 0;

// ---- Small things ------------------------------------------------------------------------------

function element(name, className, text) {
    const made = document.createElement(name);
    if (className)
        made.className = className;
    if (text !== undefined)
        made.textContent = text;
    return made;
}

function drawn(name, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes))
        made.setAttribute(key, value);
    return made;
}

// The number of an actor's colour, as common/stage/colour.c chooses it: 0 for server and main, the others in order of
// appearance, and whoever comes after the eighth by name.
function colourOf(actor) {
    const coloured = run.actors.filter((name) => name !== 'server' && name !== 'main');
    const place = coloured.indexOf(actor);
    let hash = 1;
    if (place < COLOURS)
        return place + 1;
    for (const c of new TextEncoder().encode(actor))
        hash = (Math.imul(hash, 43) + c) >>> 0;
    return hash % COLOURS + 1;
}

function nameOf(actor) {
    const name = element('b', 'actor', actor);
    name.dataset.colour = colourOf(actor);
    return name;
}

// ---- What is said of a step --------------------------------------------------------------------

const SENT = {
    send: (from, to, what) => [from, ` sends ${what || 'something'} to `, to],
    fork: (from, to) => [from, ' starts process ', to],
    thread: (from, to) => [from, ' starts thread ', to],
    unlock: (from, to) => [from, ' unlocks, and ', to, ' gets the lock'],
    signal: (from, to) => [from, ' wakes ', to],
    post: (from, to) => [from, ' posts, and ', to, ' goes on'],
    end: (from, to) => [from, ' has ended, and ', to, ' learns of it'],
};

function sentence(arrow) {
    const words = (SENT[arrow.kind] || SENT.signal)(nameOf(arrow.from), nameOf(arrow.to), arrow.what);
    const line = element('p', 'arrow');
    line.append(...words);
    return line;
}

function place(at) {
    const line = at.line ? `line ${at.line}` : 'outside this file';
    return at.blocked ? `${line}, blocked in ${at.blocked} since step ${at.since}` : line;
}

// ---- The parts that are made once --------------------------------------------------------------

// One row for each step: its number, a cell for each lane, the line. Until the run gets there, the text is hidden.
const rows = run.steps.map((said, index) => {
    const row = element('li');
    const number = element('a', 'number', String(index + 1));
    number.href = `#step=${index + 1}`;
    number.setAttribute('aria-label', `step ${index + 1}`);
    const lanes = element('span', 'lanes');
    lanes.append(...run.actors.map(() => element('span', 'lane')));
    const text = element('span', 'text');
    text.append(nameOf(said.actor), element('span', 'said', said.text));
    row.append(number, lanes, text);
    row.addEventListener('click', () => {
        pause();
        go(index + 1);
    });
    return row;
});

const heads = run.actors.map((actor) => {
    const head = element('span', 'head');
    head.append(nameOf(actor));
    return head;
});

const states = run.actors.map((actor) => {
    const state = element('li');
    state.append(element('span', 'swatch'), nameOf(actor), ' ', element('span', 'where'));
    state.firstChild.dataset.colour = colourOf(actor);
    return state;
});

const lines = [...code.children];
const arrows = drawn('svg', {class: 'arrows', 'aria-hidden': 'true'});

// ---- Drawing a step ----------------------------------------------------------------------------

// What an actor does at a step: undefined before it is there and after it has gone.
function doing(actor, number) {
    return number > 0 ? run.steps[number - 1].at[actor] : undefined;
}

function showRows() {
    rows.forEach((row, index) => {
        const reached = index < step;
        row.classList.toggle('reached', reached);
        row.classList.toggle('current', index === step - 1);
        run.actors.forEach((actor, lane) => {
            const at = reached ? doing(actor, index + 1) : undefined;
            const cell = row.querySelectorAll('.lane')[lane];
            cell.className = 'lane' + (at ? at.blocked ? ' blocked' : ' works' : '');
            cell.dataset.colour = colourOf(actor);
            cell.classList.toggle('speaks', reached && run.steps[index].actor === actor);
        });
    });
}

function showArrows() {
    const box = find('.board').getBoundingClientRect();
    const middle = (lane, number) => {
        const cell = rows[number - 1].querySelectorAll('.lane')[lane].getBoundingClientRect();
        return [cell.left + cell.width / 2 - box.left, cell.top + cell.height / 2 - box.top];
    };
    arrows.replaceChildren();
    run.steps.slice(0, step).forEach((said, index) => {
        for (const arrow of said.arrows || []) {
            const [from, to] = [run.actors.indexOf(arrow.from), run.actors.indexOf(arrow.to)];
            if (from < 0 || to < 0 || from === to)
                continue;
            const [x1, y1] = middle(from, arrow.step || index + 1);
            const [x2, y2] = middle(to, index + 1);
            arrows.append(...arrowBetween(x1, y1, x2, y2, index === step - 1));
        }
    });
}

// A line and its head, which ends at the edge of the lane.
function arrowBetween(x1, y1, x2, y2, current) {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
    const [x, y] = [x2 - 7 * dx, y2 - 7 * dy];
    const name = current ? 'arrow current' : 'arrow';
    const [bx, by] = [x - 8 * dx, y - 8 * dy];
    return [
        drawn('line', {class: name, x1, y1, x2: bx, y2: by}),
        drawn('path', {class: name, d: `M${x} ${y}L${bx - 5 * dy} ${by + 5 * dx}L${bx + 5 * dy} ${by - 5 * dx}Z`}),
    ];
}

function showActors() {
    run.actors.forEach((actor, index) => {
        const at = doing(actor, step);
        const was = run.steps.slice(0, step).some((said) => said.at[actor]);
        const state = states[index];
        state.className = at ? at.blocked ? 'blocked' : 'works' : 'absent';
        state.classList.toggle('speaks', step > 0 && run.steps[step - 1].actor === actor);
        state.querySelector('.where').textContent = at ? place(at) : was ? 'has ended' : 'not there yet';
    });
}

function showSource() {
    for (const line of lines) {
        line.classList.remove('marked', 'current');
        line.removeAttribute('data-colour');
        line.querySelectorAll('.tags').forEach((tags) => tags.remove());
    }
    for (const actor of run.actors) {
        const at = doing(actor, step);
        const line = at && lines[at.line - 1];
        if (!line)
            continue;
        if (!line.querySelector('.tags'))
            line.prepend(element('span', 'tags'));
        line.querySelector('.tags').append(nameOf(actor));
        const speaks = run.steps[step - 1].actor === actor;
        if (speaks || !line.dataset.colour)
            line.dataset.colour = colourOf(actor);
        line.classList.add('marked');
        line.classList.toggle('current', speaks || line.classList.contains('current'));
    }
}

function showNow() {
    const now = find('.now');
    now.replaceChildren();
    find('.count').textContent = `${step} of ${last}`;
    if (step === 0)
        return;
    const said = run.steps[step - 1];
    const line = element('p', 'line');
    line.append(nameOf(said.actor), element('span', 'said', said.text));
    now.append(line, ...(said.arrows || []).map(sentence));
}

// Scrolls a pane, never the page, until what lies between two elements is well within it, or else the third alone.
function reveal(pane, first, final, wanted) {
    const outer = pane.getBoundingClientRect();
    const margin = outer.height / 10;
    let [top, bottom] = [first.getBoundingClientRect().top, final.getBoundingClientRect().bottom];
    if (bottom - top > outer.height - 2 * margin)
        ({top, bottom} = wanted.getBoundingClientRect());
    if (top < outer.top + margin || bottom > outer.bottom - margin)
        pane.scrollTop += (top + bottom) / 2 - (outer.top + outer.bottom) / 2;
}

function scroll() {
    const marked = lines.filter((line) => line.classList.contains('marked'));
    const current = lines[step > 0 ? run.steps[step - 1].line - 1 : -1];
    if (step === 0) {
        const comment = lines.findIndex((line) => line.textContent.startsWith(' */'));
        code.scrollTop = comment < 0 ? 0 : lines[comment + 1].offsetTop - code.offsetTop;
        transcript.scrollTop = 0;
        return;
    }
    if (marked.length > 0)
        reveal(code, marked[0], marked[marked.length - 1], current || marked[0]);
    reveal(transcript, rows[step - 1], rows[step - 1], rows[step - 1]);
    if (step === last)
        transcript.scrollTop = transcript.scrollHeight;
}

function show(number) {
    step = Math.max(0, Math.min(last, number));
    document.body.classList.toggle('begun', step > 0);
    document.body.classList.toggle('ended', step === last);
    showRows();
    showActors();
    showSource();
    showNow();
    showArrows();
    scroll();
}

// ---- Where to go -------------------------------------------------------------------------------

function go(number) {
    show(number);
    history.replaceState(null, '', step > 0 ? `#step=${step}` : location.href.split('#')[0]);
}

function playing(yes) {
    document.body.classList.toggle('playing', yes);
    find('.play').textContent = yes ? 'pause' : 'play';
}

function pause() {
    clearInterval(timer);
    timer = 0;
    playing(false);
}

function play() {
    if (timer)
        return pause();
    playing(true);
    go(step === last ? 0 : step + 1);
    timer = setInterval(() => step === last ? pause() : go(step + 1), PLAY_MS);
}

const KEYS = {
    ArrowRight: () => go(step + 1),
    ArrowLeft: () => go(step - 1),
    Home: () => go(0),
    End: () => go(last),
};

function press(key) {
    if (key === ' ')
        return play();
    pause();
    KEYS[key]();
}

document.addEventListener('keydown', (event) => {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
    const onButton = event.key === ' ' && event.target.closest('button, a, summary');
    if (plain && !onButton && (KEYS[event.key] || event.key === ' ')) {
        event.preventDefault();
        press(event.key);
    }
});

for (const button of document.querySelectorAll('[data-key]'))
    button.addEventListener('click', () => press(button.dataset.key));

function fromAddress() {
    const asked = /^#step=(\d+)$/.exec(location.hash);
    pause();
    show(asked ? Number(asked[1]) : 0);
}

find('.heads').append(...heads);
find('.actors').append(...states);
find('.steps').append(...rows);
find('.board').append(arrows);
document.body.style.setProperty('--lanes', run.actors.length);
document.body.classList.toggle('many', run.actors.length > 5);
window.addEventListener('hashchange', fromAddress);
window.addEventListener('resize', showArrows);
fromAddress();
