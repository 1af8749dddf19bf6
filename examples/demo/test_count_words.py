import unittest

from count_words import count_words


class CountWords(unittest.TestCase):
    def test_words_are_counted(self):
        self.assertEqual(count_words("a b a"), {"a": 2, "b": 1})

    def test_case_does_not_matter(self):
        self.assertEqual(count_words("The cat saw the dog")["the"], 2)


if __name__ == "__main__":
    unittest.main()
