import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.papers.picosam3.region import square_region

SIDE = st.floats(1, 60)


@settings(max_examples=50, deadline=None)
@given(left=st.floats(0, 200), top=st.floats(0, 100), width=SIDE, height=SIDE, padding=st.floats(0, 0.5))
def test_the_region_holds_the_box_and_is_square_inside_the_image(left, top, width, height, padding):
    box = torch.tensor([[left, top, min(width, 260 - left), min(height, 160 - top)]], dtype=torch.float64)
    (start_x, start_y, end_x, end_y), (x, y, w, h) = square_region(box, 260, 160, padding)[0].tolist(), box[0].tolist()
    assert 0 <= start_x <= x + 1e-9
    assert 0 <= start_y <= y + 1e-9
    assert min(x + w, 260) - 1 < end_x <= 260
    assert min(y + h, 160) - 1 < end_y <= 160
    if min(start_x, start_y) > 0 and end_x < 260 and end_y < 160:
        assert abs((end_x - start_x) - (end_y - start_y)) <= 1


def test_boxes_do_not_mix():
    boxes = torch.tensor([[10.0, 20.0, 30.0, 15.0], [100.0, 50.0, 5.0, 60.0]])
    apart = torch.cat([square_region(box[None], 260, 160) for box in boxes])
    assert torch.equal(square_region(boxes, 260, 160), apart)
