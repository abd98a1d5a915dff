"""The checker of accessibility finds what is wrong with a page, again and again."""

from accessible import violations
from console_desk import IN_A_BROWSER, chromium, playwright

pytestmark = IN_A_BROWSER
RIGHT = '<html lang="en"><title>A page</title><main><h1>Its title</h1>{}</main></html>'


def test_a_picture_without_words_is_found_with_its_element_and_a_page_that_is_right_is_left_alone() -> None:
    with playwright.sync_playwright() as driver, chromium(driver) as browser:
        page = browser.new_page()
        page.set_content(RIGHT.format('<img src="none.png">'))
        assert violations(page) == [["image-alt", ['<img src="none.png">']]]
        page.evaluate("document.querySelector('img').alt = 'A door'")
        assert violations(page) == []
