// Steps through the recorded run of one lesson, forward and back. What is seen depends on the number of the step and on
// nothing else: show(n) draws all of it. Step 0 is the question; step n is the n-th line of the transcript.
//
// A run is {actors, steps}, as slides/replay writes it:
//   actors  their names, in order of appearance
//   steps   {actor, name, text, line, at, arrows}: who said what, from which line of the source; name: what the
//           terminal calls the actor, where several have that name
//           at: where each living actor is then, {line, blocked: in which call, since: which step, aside: not told}
//           arrows: what arrived with this step, {from, to, kind, what, step: when it was sent}
//
// A name or a text comes from a program, or from the network: it goes into the page as textContent only.
'use strict';

const PLAY_MS = 1500;
const ADDRESS_MS = 300;
const COLOURS = 8;
const MOST_SHOWN = 24; // characters of what was sent
const MOST_SENTENCES = 4;
const MIDDLE = 14; // of the first line of a row, in pixels

const run = JSON.parse(document.getElementById('run').textContent);
const last = run.steps.length;
const find = (selector) => document.querySelector(selector);
const source = find('.source');
const lines = [...source.children];
const texts = lines.map((line) => line.textContent.trim());
const firstOfCode = lines[texts.indexOf('*/') + 1];
let step = 0;
let timer = 0;
let addressTimer = 0;

function element(name, className, text = '') {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
}

// ---- Actors ------------------------------------------------------------------------------------

const DARK = ['server', 'main', 'parent', 'kernel'];

// As in common/stage/colour.c: 0 for the dark ones, then in order of appearance; from the ninth on by name.
function colourOf(actor) {
    if (DARK.includes(actor))
        return 0;
    const place = run.actors.filter((name) => !DARK.includes(name)).indexOf(actor);
    let hash = 1;
    for (const byte of new TextEncoder().encode(actor))
        hash = (Math.imul(hash, 43) + byte) >>> 0;
    return (place < COLOURS ? place : hash % COLOURS) + 1;
}

function paint(made, actor) {
    made.style.setProperty('--own', `var(--actor-${colourOf(actor)})`);
    return made;
}

function nameOf(actor) {
    return paint(element('b', 'actor', actor), actor);
}

// What a waiting task is woken by
const LETS_GO = new Set(['unlock', 'signal', 'post']);

// A line as the transcript has it.
function spoken(said) {
    const name = paint(element('b', 'actor', said.name || said.actor), said.actor);
    return [name, element('span', 'between', ' | '), element('span', 'said', said.text)];
}

// Where an actor is at a step; undefined before it is there and after it has gone. Whoever says the line is where it said it,
// unless it has come to a call that blocks, or has let another go. From the last line of main it is in common/, which is not shown.
function whereIs(actor, number) {
    const said = run.steps[number - 1];
    const at = said && said.at[actor];
    if (!at)
        return undefined;
    const letsGo = said.arrows.some((arrow) => arrow.from === actor && arrow.step === number && LETS_GO.has(arrow.kind));
    const line = said.actor === actor && !at.blocked && !letsGo ? said.line : at.line;
    return {...at, line: /^return (args|server_program)_run\(/.test(texts[line - 1]) ? 0 : line};
}

function stateOf(actor, number) {
    const at = whereIs(actor, number);
    if (!at || at.aside)
        return 'absent';
    return at.blocked ? 'blocked' : 'works';
}

function inWords(actor) {
    const at = whereIs(actor, step);
    if (!at)
        return run.steps.slice(0, step).some((said) => said.at[actor]) ? 'has ended' : 'not there yet';
    if (at.aside)
        return 'not shown here';
    const place = at.line > 0 ? [`line ${at.line}`] : [];
    if (at.blocked)
        place.push(`blocked in ${at.blocked} since step ${at.since}`);
    return place.join(', ') || 'not waiting';
}

// ---- What is said of a step --------------------------------------------------------------------

const HAPPENS = {
    send: (from, to, what) => [...from, what === '' ? ' sends to ' : ` sends ${what} to `, ...to],
    connect: (from, to) => [...from, ' connects, ', ...to, ' accepts'],
    fork: (from, to) => [...from, ' starts a process: ', ...to],
    thread: (from, to) => [...from, ' starts a thread: ', ...to],
    unlock: (from, to) => [...from, ' unlocks, ', ...to, ' gets the lock'],
    signal: (from, to) => [...from, ' wakes ', ...to],
    post: (from, to) => [...from, ' posts to ', ...to],
    kill: (from, to) => [...from, ' sends a signal to ', ...to],
    end: (from, to) => [...from, from.length > 1 ? ' have ended, so ' : ' has ended, so ', ...to, ' waits no longer'],
};

function inQuotes(what) {
    if (what === 'end of file')
        return what;
    if (what === 'bytes') // of a machine: the recorder does not keep them
        return '';
    if (what === '' || what.includes('\\x'))
        return 'a message';
    return what.length > MOST_SHOWN ? `"${what.slice(0, MOST_SHOWN)}..."` : `"${what}"`;
}

// Arrows that are alike are told in one sentence: a list of arrows, of one sender or to one receiver.
function alike(arrows) {
    const groups = new Map();
    for (const arrow of arrows) {
        const key = JSON.stringify([arrow.kind, arrow.what, arrow.kind === 'end' ? arrow.to : arrow.from]);
        groups.set(key, [...groups.get(key) || [], arrow]);
    }
    return [...groups.values()];
}

function namesOf(actors) {
    return [...new Set(actors)].flatMap((actor, index) => index > 0 ? [', ', nameOf(actor)] : [nameOf(actor)]);
}

function sentences() {
    const said = alike(run.steps[step - 1].arrows).map((arrows) => {
        const [from, to] = [namesOf(arrows.map((arrow) => arrow.from)), namesOf(arrows.map((arrow) => arrow.to))];
        const tell = HAPPENS[arrows[0].kind];
        return tell ? tell(from, to, inQuotes(arrows[0].what)) : [...from, ` (${arrows[0].kind}) `, ...to];
    });
    for (const actor of run.actors)
        if ((whereIs(actor, step) || {}).since === step)
            said.push([nameOf(actor), ` waits in ${whereIs(actor, step).blocked}`]);
    if (said.length > MOST_SENTENCES)
        said.splice(MOST_SENTENCES - 1, said.length, [`And ${said.length - MOST_SENTENCES + 1} more: see the arrows`]);
    return said.map((words) => {
        const sentence = element('span', 'sentence');
        sentence.append(...words, '. ');
        return sentence;
    });
}

// ---- The parts that are made once --------------------------------------------------------------

function lanesOf(parts) {
    const lanes = element('span', 'lanes');
    lanes.append(...parts);
    return lanes;
}

// One row for each step: its number, a piece of each lane, and the line. Until the run gets there, the line is hidden.
const pieces = [];
const rows = run.steps.map((said, index) => {
    const row = element('li', '');
    const number = element('a', 'number', index + 1);
    number.href = `#step=${index + 1}`;
    number.setAttribute('aria-label', `step ${index + 1}`);
    const text = element('span', 'text');
    text.append(...spoken(said));
    pieces.push(run.actors.map((actor) => paint(element('span', 'lane'), actor)));
    row.append(number, lanesOf(pieces[index]), text);
    row.addEventListener('click', () => jump(index + 1));
    return row;
});

const states = run.actors.map((actor) => {
    const state = element('li', '');
    state.append(paint(element('span', 'swatch'), actor), nameOf(actor), ' ', element('span', 'where'), ' ', element('code', ''));
    return state;
});

function pieceOf(actor, number) {
    return pieces[number - 1][run.actors.indexOf(actor)];
}

// ---- Drawing a step ----------------------------------------------------------------------------

function showRows() {
    rows.forEach((row, index) => {
        const reached = index < step;
        row.ariaCurrent = index === step - 1 ? 'step' : null;
        row.className = reached ? index === step - 1 ? 'reached current' : 'reached' : '';
        for (const actor of run.actors) {
            const speaks = reached && run.steps[index].actor === actor;
            pieceOf(actor, index + 1).className = `lane ${stateOf(actor, reached ? index + 1 : 0)}${speaks ? ' speaks' : ''}`;
        }
    });
}

// The shaft, and a head that ends short of the middle of the lane.
function arrowPath([x1, y1], [x2, y2]) {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
    const [x, y] = [x2 - 8 * dx, y2 - 8 * dy];
    const barb = (side) => `L${x - 9 * dx - side * 5 * dy} ${y - 9 * dy + side * 5 * dx}`;
    return `M${x1} ${y1}L${x} ${y}${barb(1)}M${x} ${y}${barb(-1)}`;
}

function showArrows() {
    const drawing = find('.arrows');
    const board = drawing.getBoundingClientRect();
    const middle = (actor, number) => {
        const piece = pieceOf(actor, number).getBoundingClientRect();
        return [piece.left + piece.width / 2 - board.left, piece.top + MIDDLE - board.top];
    };
    drawing.replaceChildren();
    run.steps.slice(0, step).forEach((said, index) => {
        for (const arrow of said.arrows) {
            const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
            path.setAttribute('d', arrowPath(middle(arrow.from, arrow.step || index + 1), middle(arrow.to, index + 1)));
            path.setAttribute('class', index === step - 1 ? 'current' : '');
            drawing.append(path);
        }
    });
}

function showActors() {
    run.actors.forEach((actor, index) => {
        const state = stateOf(actor, step);
        states[index].className = state === 'absent' ? state : '';
        states[index].querySelector('.swatch').className = `swatch ${state}`;
        states[index].querySelector('.where').textContent = inWords(actor);
        states[index].querySelector('code').textContent = texts[(whereIs(actor, step) || {}).line - 1] || '';
    });
}

// A line at which several are has the colour of the one who speaks.
function showSource() {
    for (const line of source.querySelectorAll('.marked')) {
        line.classList.remove('marked', 'current');
        line.removeAttribute('style');
        line.querySelector('.tags').remove();
    }
    for (const actor of run.actors) {
        const line = lines[(whereIs(actor, step) || {}).line - 1];
        if (!line)
            continue;
        const speaks = run.steps[step - 1].actor === actor;
        if (!line.matches('.marked'))
            line.prepend(element('span', 'tags'));
        line.querySelector('.tags').append(nameOf(actor));
        if (speaks || !line.matches('.marked'))
            paint(line, actor);
        line.classList.add('marked');
        line.classList.toggle('current', speaks || line.matches('.current'));
    }
}

function showNow() {
    find('.count').textContent = `${step} of ${last}`;
    find('.now').replaceChildren();
    if (step === 0)
        return;
    const said = run.steps[step - 1];
    const line = element('p', 'line');
    line.append(...spoken(said));
    const happens = element('p', 'happens');
    happens.append(...sentences());
    find('.now').append(line, happens);
}

// Scrolls a pane, and never the page, until all of these are well within it, or else the first of them.
function reveal(pane, wanted) {
    const outer = pane.getBoundingClientRect();
    const margin = outer.height / 10;
    const boxes = wanted.map((part) => part.getBoundingClientRect());
    let top = Math.min(...boxes.map((box) => box.top));
    let bottom = Math.max(...boxes.map((box) => box.bottom));
    if (bottom - top > outer.height - 2 * margin)
        ({top, bottom} = boxes[0]);
    if (top < outer.top + margin || bottom > outer.bottom - margin)
        pane.scrollTop += (top + bottom) / 2 - (outer.top + outer.bottom) / 2;
}

function scroll() {
    const pane = find('.run');
    const marked = [...source.querySelectorAll('.current'), ...source.querySelectorAll('.marked')];
    if (marked.length > 0)
        reveal(source, marked);
    if (step > 0)
        return reveal(pane, [rows[step - 1]]);
    pane.scrollTop = 0;
    source.scrollTop = firstOfCode.offsetTop - source.offsetTop; // the comment above it often tells the answer
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

// A browser refuses an address that changes many times a second, as with a key that is held down.
function go(number) {
    show(number);
    clearTimeout(addressTimer);
    addressTimer = setTimeout(() => history.replaceState(null, '', `#step=${step}`), ADDRESS_MS);
}

function pause() {
    clearInterval(timer);
    timer = 0;
    find('.play').textContent = 'play';
}

function jump(number) {
    pause();
    go(number);
}

function play() {
    if (timer)
        return pause();
    go(step === last ? 0 : step + 1);
    timer = setInterval(() => step === last ? pause() : go(step + 1), PLAY_MS);
    find('.play').textContent = 'pause';
}

const KEYS = {
    ArrowRight: () => jump(step + 1),
    ArrowLeft: () => jump(step - 1),
    Home: () => jump(0),
    End: () => jump(last),
    ' ': play,
};

document.addEventListener('keydown', (event) => {
    const modified = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
    const pressesButton = event.key === ' ' && event.target.closest('button, a');
    if (KEYS[event.key] && !modified && !pressesButton) {
        event.preventDefault();
        KEYS[event.key]();
    }
});

for (const button of document.querySelectorAll('[data-key]'))
    button.addEventListener('click', KEYS[button.dataset.key]);

function fromAddress() {
    const asked = /^#step=(\d+)$/.exec(location.hash);
    pause();
    show(asked ? Number(asked[1]) : 0);
}

find('.heads').append(lanesOf(run.actors.map(nameOf)));
find('.actors').append(...states);
find('.steps').append(...rows);
document.body.style.setProperty('--lanes', run.actors.length);
document.body.classList.toggle('many', run.actors.length > 8);
// A row of a table has spaces between its columns.
const wide = run.steps.filter((said) => / {2}/.test(said.text)).map((said) => `${said.actor} | ${said.text}`.length);
document.body.classList.toggle('table', wide.length > 0);
document.body.style.setProperty('--columns', Math.max(1, ...wide));
window.addEventListener('hashchange', fromAddress);
window.addEventListener('resize', showArrows);
fromAddress();
