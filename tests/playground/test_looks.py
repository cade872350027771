"""The page on a phone and on a desk, light and dark, by keyboard and for a screen reader, on paper."""

import base64

import pytest

TABS = ("see", "nudge", "break", "train", "take")

# What is drawn over what: text and its background, as the style says; the contrast of WCAG.
CONTRAST = """(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const f = z => (z / 255 <= .03928 ? z / 255 / 12.92 : ((z / 255 + .055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => .2126 * f(r) + .7152 * f(g) + .0722 * f(b);
  const back = node => {
    for (; node; node = node.parentElement) {
      const c = rgb(getComputedStyle(node).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const words = walk.currentNode.data.trim(), node = walk.currentNode.parentElement, style = getComputedStyle(node);
    if (!words || node.closest("script, style, noscript, option, .unseen")) continue;
    if (!node.getBoundingClientRect().width || style.visibility === "hidden") continue;
    const [a, b] = [light(rgb(style.color)), light(back(node))].sort((u, v) => v - u);
    if ((a + .05) / (b + .05) < 4.5) found.push([node.tagName, node.className, words.slice(0, 30)]);
    if (parseFloat(style.fontSize) < 11) found.push([node.tagName, style.fontSize]);
  }
  return found; })()"""

CONTROLS = set("button combobox slider spinbutton checkbox textbox tab tabpanel grid gridcell image table".split())

SMALL = """[...document.querySelectorAll("button, select, input, td[data-at]")].filter(node => {
  const box = node.getBoundingClientRect(); const own = box.width > 0 && !node.closest("[hidden]");
  const label = node.type === "checkbox" ? node.closest("label").getBoundingClientRect() : box;
  return own && (label.width < 23.5 || label.height < 23.5) && node.type !== "range"; })
  .map(node => [node.tagName, node.id, node.className, node.textContent])"""

OVER = """[...document.querySelectorAll("body *")].filter(node => { const box = node.getBoundingClientRect();
  return box.width > 0 && box.right > innerWidth + 1 && !node.closest("#panel, select"); })
  .map(node => node.id || node.tagName)"""


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_fits_the_width_in_light_and_dark(width, tab, open_page):
    for dark in (False, True):
        page = open_page(f"#tab={tab}&brk=RELU_MISSING&line=22", width=width, dark=dark, still=dark, touch=width < 500)
        assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [width, width], page.run(OVER)
        assert page.run(OVER) == [] and page.run(SMALL) == [] and page.run(CONTRAST) == []


def test_on_a_desk_all_lines_are_in_sight_and_no_headers_touch(open_page):
    page = open_page()
    assert page.run("(list => list.scrollHeight <= list.clientHeight + 1)(byId('lines'))")
    boxes = page.run("""(() => {
      const box = node => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return [node.textContent, range.getBoundingClientRect().left, range.getBoundingClientRect().right];
      };
      return [...document.querySelectorAll(".grid tr:first-child")].map(row =>
        [...row.querySelectorAll("th b")].filter(node => node.textContent).map(box)); })()""")
    for row in boxes:
        for (name, _, right), (_, left, _) in zip(row, row[1:], strict=False):
            assert left - right >= 3, name


def test_names_are_explained_where_they_stand(open_page):
    page = open_page()
    names = "[...document.querySelectorAll('.grid th b, #lines button')].filter(node => node.textContent)"
    assert page.run(f"{names}.length") > 40 and page.run(f"{names}.filter(node => node.title.length < 9)") == []
    words = page.run("document.querySelector('header').textContent")
    assert "factorization machine (FM)" in words and "attentional" in words and "random until you train" in words


def test_on_a_phone_numbers_lines_and_quiz_are_at_hand(open_page):
    page = open_page("#at=pre.1.2&tab=break", width=390, touch=True)
    numbers = page.run("[...document.querySelectorAll('#panel .all > *')].map(node => node.textContent)")
    assert numbers == page.run("cellsOf('pre').map(([i, f]) => short(trace.numberAt(ref('pre', i, f))))")
    assert page.run("document.querySelector('#panel .all b').textContent === short(trace.numberAt(ref('pre', 1, 2)))")
    assert page.run("byId('lines').getBoundingClientRect().height") > 100
    page.mouse("#quiz")
    asked, lines, tables = page.run("['asked', 'lines', 'forward'].map(id => byId(id).getBoundingClientRect().bottom)")
    assert asked < lines < tables and lines - asked < 260
    assert page.run("byId('asked').getBoundingClientRect().top >= 0") and asked < 800          # it came into sight


def test_marks_stand_out_and_tell_the_sign_by_shape(open_page):
    for dark in (False, True):
        page = open_page(dark=dark)
        style = """(kind => { const s = getComputedStyle(document.querySelector('td .m.' + kind), '::before');
            return [s.backgroundColor, s.borderTopWidth]; })"""
        positive, negative = page.run(f"{style}('p')"), page.run(f"{style}('n')")
        assert positive[1] == "0px" and negative[1] == "2px" and negative[0] == "rgba(0, 0, 0, 0)" != positive[0]


def test_motion_is_reduced_when_asked(open_page):
    style = "getComputedStyle(document.querySelector('td .m'), '::before').transitionDuration"
    assert float(open_page(still=True).run(style).split("s")[0]) == 0
    assert float(open_page(still=False).run(style).split("s")[0]) <= 0.15


@pytest.mark.parametrize("tab", TABS)
def test_everything_has_a_name_for_a_screen_reader(tab, open_page):
    page = open_page(f"#tab={tab}&brk=RELU_MISSING&at=V.0.0")
    page.send("Accessibility.enable")
    roles, nameless = set(), []
    for node in page.send("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in CONTROLS:
            roles.add(role)
            if not node.get("name", {}).get("value") and role != "table":
                nameless.append(node)
    assert nameless == []
    assert {"button", "combobox", "slider", "spinbutton", "checkbox", "grid", "gridcell", "tab"} <= roles


def test_the_tab_key_reaches_all_and_leaves(open_page):
    page = open_page("#tab=train")
    reached = []
    for _ in range(90):
        page.key("Tab")
        at = page.run("(node => node.dataset.at ? 'td ' + node.dataset.at : node.id)(document.activeElement)")
        if page.run("document.activeElement === document.body"):
            break
        reached.append(at)
    fields = '[...document.querySelectorAll("input, select")].filter(node => node.id && node.offsetParent)'
    ids = page.run(f"{fields}.map(node => node.id)")
    assert set(ids) <= set(reached) and "run" in reached and "tab-train" in reached
    assert sum(at.startswith("td ") for at in reached) == page.run("document.querySelectorAll('.grid').length")
    assert page.run("document.activeElement === document.body")


def test_the_keys_of_a_table(open_page):
    page = open_page()
    page.run("focusSquare(document.querySelector('td[data-at=\"prod.0.0\"]'))")
    at = "document.activeElement.dataset.at"
    for name, want in [("ArrowRight", "prod.0.1"), ("ArrowDown", "prod.1.1"), ("End", "attn.1"), ("ArrowUp", "attn.0"),
                       ("ArrowUp", "attn.0"), ("Home", "prod.0.0"), ("ArrowLeft", "prod.0.0")]:  # fmt: skip
        page.key(name)
        assert page.run(at) == want, name
    assert "prod[Ann × Orbit, 1]" in page.run("byId('panel').textContent")
    page.run("addEventListener('keydown', event => { window.kept = event.defaultPrevented; })")
    page.key("x")                                                                     # not one of the table's keys
    assert page.run("window.kept") is False
    page.key("Enter")
    assert page.run("window.kept") is True and page.run("state.at") == "prod.0.0"
    page.key("Escape")
    assert page.run("state.at") == ""
    page.key("PageUp")
    assert page.run("state.line") == page.run("linesOf('network').length") - 2
    page.key("PageDown")
    assert page.run("state.line") == -1


def test_keys_elsewhere_are_left_alone(open_page):
    page = open_page()
    page.run("byId('x0range').focus()")
    page.key("ArrowRight")
    assert page.run("state.x[0]") == 1.05 and page.run("state.line") == -1
    page.run("byId('tab-see').focus()")
    page.key("ArrowRight")
    assert page.run("state.tab") == "nudge" and page.run("document.activeElement.id") == "tab-nudge"


def test_prints_on_two_pages(open_page):
    page = open_page("#at=d_score.2")
    pdf = base64.b64decode(page.send("Page.printToPDF", landscape=True, printBackground=True)["data"])
    assert 1 <= pdf.count(b"/Type /Page\n") <= 2


def test_a_fault_is_told_on_the_page(browser):
    from afm_numpy.playground import PAGE

    page = browser.open(PAGE)
    page.run("setTimeout(() => { throw new Error('planted'); })")
    page.wait("!byId('note').hidden")
    assert "planted" in page.run("byId('note').textContent")
    page.close()
