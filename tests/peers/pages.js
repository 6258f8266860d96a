// Plays all pages in a browser, each in a frame, and writes what is wrong into the document: for tests/00b_pages.bats, which
// gives the runs (what each page has to show) and the folders of pages. A line of the result: TEST, a tab, PAGE: what is wrong.
'use strict';

const WIDTHS = [1280, 1024, 390]; // a projector, an old one, a phone
const PLAYED_MS = 60000;
const ADDRESS_MS = 1000;

const frame = document.querySelector('iframe');
const faults = [];
let page, shown, expected;

function check(test, isRight, what) {
    if (!isRight)
        faults.push(`${test}\t${page}: ${what}`);
}

function open(address) {
    return new Promise((resolve) => {
        frame.onload = () => {
            shown = frame.contentDocument;
            resolve();
        };
        frame.src = address;
    });
}

const all = (selector) => [...shown.querySelectorAll(selector)];

function state() {
    return shown.body.className + shown.querySelector('.replay').outerHTML;
}

// An attribute that has been taken away may leave an empty one behind.
function equal(one, other) {
    const bare = (html) => html.replace(/ (class|style)=""/g, '');
    return one === other || bare(one) === bare(other);
}

function press(key) {
    shown.body.dispatchEvent(new frame.contentWindow.KeyboardEvent('keydown', {key, bubbles: true}));
}

// The lines of the transcript that can be seen, as ACTOR | TEXT.
function transcript() {
    return all('.steps .text').filter((line) => line.checkVisibility({visibilityProperty: true}))
        .map((line) => `${line.querySelector('.actor').textContent} | ${line.querySelector('.said').textContent}`);
}

function checkStep(number) {
    check('text', transcript().join('\n') === expected.slice(0, number).join('\n'), `the transcript of step ${number}`);
    const now = all('.now .said').map((said) => said.textContent);
    check('text', number === 0 ? now.length === 0 : expected[number - 1].endsWith(` | ${now}`), `the line of step ${number}`);
    const isSeen = (selector) => all(selector)[0].checkVisibility();
    check('text', isSeen('.question') === (number === 0), `the question at step ${number}`);
    check('text', isSeen('.transcript') === (number > 0), `the lanes at step ${number}`);
    check('text', isSeen('.answers') === (number === expected.length), `the answers at step ${number}`);
}

function stepThrough() {
    const forward = [state()];
    checkStep(0);
    for (let number = 1; number <= expected.length; number++) {
        press('ArrowRight');
        checkStep(number);
        forward.push(state());
    }
    press('ArrowRight');
    check('back', equal(state(), forward[expected.length]), 'a step after the last');
    for (let number = expected.length - 1; number >= 0; number--) {
        press('ArrowLeft');
        check('back', equal(state(), forward[number]), `back at step ${number}`);
    }
    press('ArrowLeft');
    check('back', equal(state(), forward[0]), 'a step before the first');
    return forward;
}

async function otherWays(forward) {
    const middle = Math.ceil(expected.length / 2);
    press('End');
    check('ways', equal(state(), forward[expected.length]), 'End');
    press('Home');
    check('ways', equal(state(), forward[0]), 'Home');
    all('.steps li')[middle - 1].click();
    check('ways', equal(state(), forward[middle]), `a click on line ${middle}`);
    await new Promise((resolve) => setTimeout(resolve, ADDRESS_MS));
    check('ways', frame.contentWindow.location.hash === `#step=${middle}`, `the address of step ${middle}`);
    press('Home');
    press(' ');
    await new Promise((resolve) => setTimeout(resolve, PLAYED_MS));
    check('ways', equal(state(), forward[expected.length]), 'space plays to the end');
    const changed = new Promise((resolve) => frame.contentWindow.addEventListener('hashchange', resolve));
    frame.contentWindow.location.hash = '#step=1';
    await changed;
    check('ways', equal(state(), forward[1]), '#step=1 in the address');
}

function checkWidths() {
    for (const width of WIDTHS) {
        frame.style.width = `${width}px`;
        press('End');
        for (const part of [shown.documentElement, ...all('.run, .board, .source, .now, .bar')])
            check('wide', part.scrollWidth <= part.clientWidth, `${part.className || 'the page'} at ${width}`);
    }
    press('Home');
    check('wide', shown.documentElement.scrollWidth <= WIDTHS[2], `the question at ${WIDTHS[2]}`);
    frame.style.width = `${WIDTHS[0]}px`;
}

async function play() {
    frame.style.cssText = `border: 0; height: 720px; width: ${WIDTHS[0]}px`;
    for (const [name, run] of Object.entries(runs)) {
        page = name;
        expected = run.steps.map((said) => `${said.name || said.actor} | ${said.text}`);
        await open(`${folders[name.startsWith('99') ? 1 : 0]}/${name}.html`);
        check('markup', all('script').length === 2 && all('.replay img').length === 0, 'elements that are not its own');
        const forward = stepThrough();
        if (/^(01a|17a|99)/.test(name))
            await otherWays(forward);
        checkWidths();
    }
    document.querySelector('pre').textContent = [...faults, `played\t${Object.keys(runs).length}`].join('\n');
}

play();
